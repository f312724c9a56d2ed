"""Everything that speaks to the outside: AWS, Kubernetes, DynamoDB, SNS."""
