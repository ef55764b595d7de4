"""Grade, timeline and price before anything moves, from source counts and the planner's numbers."""
