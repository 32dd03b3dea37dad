"""The paper's three models of audio features, with its settings, one per file.

| model | reads | |
|---|---|---|
| `bayesian_ridge` | any tabular format | Table 8: scikit-learn's defaults, in our sparse version |
| `xgboost_regressor` | any tabular format | Table 7: 200 trees, the library's defaults otherwise |
| `gpt2_regressor` | texts | GPT-2 with a regression head; needs the extra `gpt2` |

Nothing here imports torch before a GPT-2 is fitted.
"""
