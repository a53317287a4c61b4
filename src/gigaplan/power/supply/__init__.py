"""Supply of one site: what stands there, what each hour is met with, and what one more megawatt is worth."""
