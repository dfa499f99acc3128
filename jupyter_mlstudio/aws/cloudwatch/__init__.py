"""CloudWatch: metrics that anybody sends, and those the studio has of jobs and endpoints."""
