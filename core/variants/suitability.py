"""Whether a recipe can be applied to a voice, from what is known about its graph since it was added."""

from core.records.graph_summary import GraphSummary
from core.records.voices import Voice
from core.variants.recipes import Needs, Recipe


def obstacle(recipe: Recipe, voice: Voice) -> str | None:
    """Return why a recipe cannot be applied on this machine, or to this voice; None if it can."""
    return recipe.missing or unsuitable(recipe, voice)


def unsuitable(recipe: Recipe, voice: Voice) -> str | None:
    """Return why a recipe cannot be applied to this voice on any machine; None if it can."""
    graph = GraphSummary.from_json(voice.anatomy)
    if graph.quantized:
        return f"{voice.key} is already quantized: start from the voice's original fp32 model"
    if graph.unrecognized is None or recipe.needs is Needs.ANY_GRAPH:
        return None
    if recipe.needs is Needs.DECODER and graph.decoder_recognized:
        return None
    fix = "take another recipe, or the voice as Piper exports it"
    return f"the graph of {voice.key} is not recognized ({graph.unrecognized}): {fix}"
