"""What the browser does with objects of S3."""
