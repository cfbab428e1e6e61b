"""The methods that ship with mtsuite: plug-ins like any other, written against the public contract."""
