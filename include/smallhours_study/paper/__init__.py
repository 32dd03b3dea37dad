"""The paper's three models of audio features, with its settings.

| model | reads | |
|---|---|---|
| `paper_bayesian_ridge` | any tabular format | Table 8: scikit-learn's defaults, sparse |
| `paper_xgboost` | any tabular format | Table 7: 200 trees, the library's defaults otherwise |
| `GPT2Regressor` | texts | GPT-2 with a regression head; needs the extra `gpt2` |

Nothing here imports torch before a GPT-2 is fitted.
"""
