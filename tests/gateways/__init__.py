"""Real gateways on loopback, outside the normal run: `make test-gateways` installs them and runs these."""
