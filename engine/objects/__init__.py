"""Object stores: stored pictures in a local folder, or in MinIO and any other S3."""
