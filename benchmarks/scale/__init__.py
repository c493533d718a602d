"""What a size costs: indexes, opening, and the plan for collections of any size."""
