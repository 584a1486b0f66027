"""What the package ships for those who extend it."""
