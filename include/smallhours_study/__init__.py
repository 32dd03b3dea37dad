"""The regression study: which model predicts audio features from tags best, the paper's or ours.

A study is a folder: the rows that it is about (`rows.json.gz`), a small file for each fitted
setting of the grid (`fits/*.json`), and the report made of them (`study.md`, `study.html`,
`figures/*.svg`). Finished fits are not computed again, so that an interrupted study continues.

`grid` defines the possible settings and imports nothing heavy: Airflow reads it for its form.
"""
