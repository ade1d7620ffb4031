"""What the API of this room answers with. Names once published stay."""
