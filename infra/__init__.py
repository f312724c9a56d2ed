"""The CDK application that deploys the scanner."""
