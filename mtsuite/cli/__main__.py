"""``python -m mtsuite.cli``, as ``accelerate launch --module`` starts it."""

from mtsuite.cli import main

if __name__ == "__main__":
    main()
