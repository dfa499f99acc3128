"""Training jobs: from CreateTrainingJob to ``model.tar.gz``."""
