# %% [markdown]
# # My first site
#
# Forty megawatts for IT in Texas, with racks of GB300 from 2027 on. `new` writes a plan with a comment on every line, sized so that its
# demand fills four fifths of it.

# %%
import gigaplan as gp

path = gp.new("site.yaml", power="40 MW it", generation="gb300_nvl72", region="ercot", start="2027", force=True)
site = gp.run(path, {"uncertainty.members": 12})
site
# → make tokens at
# → Cost of a million generated tokens

# %% [markdown]
# Any quantity of the glossary is a table, and a frame of pandas or polars.

# %%
cost = site.table("cost_usd", by=("line", "year"))
cost
# → cost_usd
# → depreciation|energy

# %%
frame = cost.to_pandas()
assert abs(frame.to_numpy() - cost.values).max() == 0
frame.iloc[:, :3]
# → 2027

# %% [markdown]
# What if the grid connects half a year later? One changed line, both plans in the same futures.

# %%
energised = "fleet.sites.First site.phases.all of it.energised"
late = gp.run(path, {"uncertainty.members": 12, energised: "2027-07-01"})
gp.compare(site, late)
# → A is ahead in first tokens

# %% [markdown]
# And twice the price of power?

# %%
dear = gp.run(path, {"uncertainty.members": 12, "power.facility.power_price_usd_per_mwh": "120 USD/MWh"})
energy = [run.table("energy_cost_usd", by=("year",)).values.sum() for run in (site, dear)]
assert energy[1] > 1.2 * energy[0]
gp.compare(site, dear)
# → cost of a token
