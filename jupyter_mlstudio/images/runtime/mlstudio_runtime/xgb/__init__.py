"""SageMaker's built-in algorithm XGBoost."""
