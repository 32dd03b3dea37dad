"""The taste model: training rows, classifier, backtest, promotion gate, and the model in use."""
