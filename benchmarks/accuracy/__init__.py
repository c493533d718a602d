"""How well faces are found and people recognised, on the test photos beside the checkout."""
