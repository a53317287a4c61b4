"""The verbs of a site's power: its load by the second."""

from __future__ import annotations

from cyclopts import App

from gigaplan.cli.base import Json, app, print_json, progress, show, verb
from gigaplan.cli.options import Given, flattened

power_app = App(
    name="power",
    help="What supplies a site, and what its load looks like to the grid.",
    help_epilogue="Example: gigaplan power swings llama_3_1_405b h100_hgx --gpus 16384",
)
app.command(power_app)


@verb(power_app, "swings", 'power swings llama_3_1_405b h100_hgx --gpus 16384 --floor "80 %" --ramp-limit 2')
@flattened(job="gigaplan.layers.training:TrainingJob", smoothing="gigaplan.layers.swings:SwingsQuestion")
def power_swings(*, job: Given, smoothing: Given, json: Json = False) -> int:
    """Show a training site's load by the second: step cycle, checkpoint, start and fault, what smooths it and what an
    interconnection allows. Exit code 1 if a limit is missed.
    """
    from gigaplan import api
    from gigaplan.report.swings_view import terminal

    with progress("searching") as bar:
        answer = api.power_swings(**job, **smoothing, progress=bar)
    shown = print_json(answer) if json else show(terminal(answer))
    return shown or int(not answer.holds)
