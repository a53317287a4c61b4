# %% [markdown]
# # The announcement checked
#
# In September 2025 NVIDIA and OpenAI announced ten gigawatts of systems. The built-in plan `announced-2025-09` holds what was
# announced and known on that day. Simulated month by month, it says what follows.

# %%
import gigaplan as gp

announced = gp.run("announced-2025-09", {"uncertainty.members": 12})
announced
# → make tokens at Abilene
# → Gigawatts over time
# → Milestone investment released

# %% [markdown]
# Two sentences, four figures with their ranges, six charts. Below them stands each claim of the announcement with its verdict, judged on
# every basis that its words could mean: a gigawatt at the meter is not a gigawatt of IT.

# %%
announced.claims
# → A1
# → At least 10 GW of systems

# %%
weakest = [claim for claim in announced.claims if claim.verdict == "does not hold"]
weakest[0]
# → does not hold

# %% [markdown]
# Every figure opens: its formula, what goes in, facts with sources and evidence.

# %%
gp.explain(announced, "full_cost_per_mtok_all_usd", {"year": "2033"})
# → full_cost_per_mtok_all_usd
# → evidence

# %% [markdown]
# A year later more was known. `actual-2026-11` is the same fleet with what had happened by then. `gp.compare(announced, actual)` puts
# the two side by side and finds the causes, which takes a minute; the page of it is `gigaplan compare announced-2025-09 actual-2026-11 --html
# both.html`.

# %%
actual = gp.run("actual-2026-11", {"uncertainty.members": 1})
actual.claims
# → holds

# %%
days = [run.central("first_token_day")[run.index("site", "Abilene")] for run in (announced, actual)]
first, then = (run.day(float(day)) for run, day in zip((announced, actual), days))
assert then < first, "the first tokens came earlier than announced"
actual.table("power_state_mw", by=("year",), at={"state": "producing"})
# → power_state_mw
