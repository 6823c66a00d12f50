"""Other versions of OpenCode, outside the normal run: `make test-hosts` installs them and tries each."""
