# %% [markdown]
# # Which assumptions decide
#
# A plan rests on facts and lines that nobody knows exactly. Each future draws its own value of each of them.

# %%
import gigaplan as gp

futures = gp.study_montecarlo("lab-1mw", members=24, out="futures")
futures
# → In the middle of 24 futures
# → GPUs producing

# %% [markdown]
# How far apart they lie is one question, why is another. `explain` of a run names the inputs that move a figure most, from the futures at hand.

# %%
run = gp.run("lab-1mw", {"uncertainty.members": 100})
cost = gp.explain(run, "full_cost_per_mtok_all_usd", {"year": "2030"})
cost.decided
# → %

# %%
shares = [one.share for one in cost.decided.inputs]
assert shares == sorted(shares, reverse=True) and sum(shares) <= 1

# %% [markdown]
# A study moves each input alone to both ends of its range. Two years of the plan are enough to see which dates and prices decide.

# %%
decides = gp.study_sensitivity("lab-1mw", {"horizon.end": "2027-12"}, out="decides")
decides
# → What decides lab-1mw
# → ready for service

# %% [markdown]
# And one line of the plan in steps, with everything else as it is.

# %%
grid = gp.study_sweep("lab-1mw", {"horizon.end": "2027-12"}, over=["power.facility.pue=1.1, 1.3, 1.5"], out="grid")
energy = [next(f.over.median for f in p.headlines if f.name == "energy at the meter") for p in grid.points]
assert energy == sorted(energy), "more overhead, more energy at the meter"
grid
# → 3
