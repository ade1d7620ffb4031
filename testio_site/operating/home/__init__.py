"""The home of operators: what is wrong now, the button that mends it, and how the work goes on by itself."""
