"""The metrics explorer: any question to the cube, asked by its address, as a table and a chart."""
