"""Documents that only people can vouch for."""
