"""The claims that a plan can make: the announcement's lines, by id."""

from __future__ import annotations

CLAIMS = {
    "A1": "At least 10 GW of systems, in multi-gigawatt data centres",
    "A2": "Millions of GPUs; 4 to 5 million for 10 GW",
    "A3": "Includes the Vera Rubin platform",
    "A4": "First tokens in the second half of 2026",
    "A5": "Up to $100 billion invested, progressively, as each gigawatt is deployed",
    "A6": "Meets both training and inference demand",
    "A7": "Over 700 million weekly active users",
    "A8": "Agents, reasoning, multimodal data and longer contexts",
    "A9": "The cost per unit of intelligence keeps falling",
    "A10": "The frontier of capability keeps moving up",
    "A11": "Nobody has to choose, as between a cure for cancer and free education",
    "A12": "A billion times more compute than the first DGX-1",
    "A13": "Compute is the fuel that grows revenue",
    "A14": "From the laboratory into the real world: every application, every use, every device",
    "A15": "These are only the first 10 GW",
}
