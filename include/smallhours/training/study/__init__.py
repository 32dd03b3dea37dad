"""Which model tells best, from tags, what a track sounds like? The paper's table, and ours beside.

A study is a folder: the rows that it is about (`rows.json.gz`), a small file for each fitted
setting of the grid (`fits/*.json`), and the report made of them (`study.md`, `study.html`,
`figures/*.svg`). What is there is not computed again: an interrupted study goes on where it was.

`grid` names what can be asked for and imports nothing heavy: Airflow reads it for its form.
"""
