"""Model cards of a night's taste models, and their figures for `metrics`."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from smallhours.nights import Night
from smallhours.settings import EvidenceWeights
from smallhours.training import first_seed
from smallhours.training.evaluation.uncertainty import Interval, wilson
from smallhours.training.labels import LabelledSet
from smallhours.training.model_card import Metric, ModelCard, Value
from smallhours.training.tags import SEED_ARTIST, SEED_OWN
from smallhours.training.taste.backtest import MAX_OTHERS, OTHERS_PER_LIKE
from smallhours.training.taste.model import FIRST_SEED, NAME
from smallhours.training.taste.training_rows import BACKGROUND_PER_LIKE

if TYPE_CHECKING:
    from smallhours.training.taste.train import TasteTrainingResult

# The subject of the reliability curve's points in `metrics`: ten at most. `said_30` is the share of
# adopted tracks among those with a predicted probability of .3 to .4.
RELIABILITY = f"{NAME}_reliability"


def taste_card(
    trained: "TasteTrainingResult", *, listener: str, night: Night, weights: EvidenceWeights
) -> ModelCard:
    """Return the taste model's card."""
    ours = trained.by_model.get(NAME, {})
    metrics = {name: found.value for name, found in ours.items() if _known(found)}
    for model, figures in trained.by_model.items():
        if model != NAME and _known(figures["auc"]):
            metrics[f"{model}_auc"] = figures["auc"].value
            metrics[f"{model}_ndcg50"] = figures["ndcg50"].value
    metrics |= trained.calibration
    return ModelCard(
        name=NAME,
        owner=listener,
        night=night.date.isoformat(),
        purpose="P(like) of a track from its tags, learned from graded evidence on both sides and "
        "judged by what the listener went on to adopt.",
        limits="tracks without tags; and P(like) is that of a mixture in which one track in "
        f"{OTHERS_PER_LIKE + 1} is liked, not of a list that was chosen for being liked.",
        features=[
            "whether the track carries each tag, in lower case, rare tags louder",
            "whether its artist does, likewise, in columns of their own",
        ],
        data={
            "likes": int(trained.rows.y.sum()),
            "others": int((trained.rows.y == 0).sum()),
            **{f"rows_{name}": n for name, n in trained.rows.counts().items()},
            "adoptions_in_the_newest_fold": trained.adoptions,
            "adoptions_without_tags": trained.untagged,
            "others_in_a_fold": MAX_OTHERS,
        },
        settings={
            "C": trained.model.classifier.C,
            "background_per_like": BACKGROUND_PER_LIKE,
            "calibrated_on": trained.calibrated_on,
            "promoted": "yes" if trained.verdict.promote else "no",
            "why": trained.verdict.why,
            **_gained(trained),
            **{f"evidence_{name}": value for name, value in weights.model_dump().items()},
            **{
                f"reliability_{each.low:.1f}_{each.high:.1f}": f"said {each.mean_p:.2f}, "
                f"came true {each.share:.2f} of {each.n}"
                for each in trained.reliability
            },
        },
        seeds={"negatives": str(night.seed(listener, "negatives"))},
        metrics=metrics,
    )


def first_seed_card(
    result: first_seed.FirstSeedResult, labelled: LabelledSet, *, listener: str, night: Night
) -> ModelCard:
    """Return the first seed's card."""
    return ModelCard(
        name=FIRST_SEED,
        owner=listener,
        night=night.date.isoformat(),
        purpose="P(like) of a track from its tags, as the first seed learned it.",
        limits="telling good from bad among music like the listener's own: its dislikes are "
        "strange music, which nobody disliked, and its figures are as good as that is easy.",
        features=[
            f"up to {SEED_OWN} strongest tags of the track, binary, case kept",
            f"up to {SEED_ARTIST} strongest tags of its artist, likewise",
        ],
        data={
            **result.counts,
            **{f"rows_{name}": n for name, n in labelled.counts.items()},
            "likes_from": labelled.likes_from,
            "dislikes_share_no_tag_with": labelled.dislikes_disjoint_from,
            "likes_without_tags": labelled.untagged,
        },
        settings={
            "C": result.chosen_c,
            "solver": "liblinear",
            "max_iter": first_seed.MAX_ITER,
            **{f"dev_f1_at_C={c:g}": f1 for c, f1 in result.dev_f1.items()},
        },
        seeds={"split": first_seed.SEED, "dislikes": str(night.seed(listener, "dislikes"))},
        metrics=result.metrics,
    )


def taste_metrics(trained: "TasteTrainingResult") -> Iterator[Metric]:
    """Yield the night's figures of the taste model, and of each baseline.

    A figure of the taste model has the first seed's beside it. The baselines' figures have the
    subject `taste_<baseline>`: `first_seed` itself is measured on the first seed's own test rows,
    which is another question.
    """
    seed = trained.by_model.get(FIRST_SEED, {})
    for model, figures in trained.by_model.items():
        subject = NAME if model == NAME else f"{NAME}_{model}"
        for name, found in figures.items():
            if not _known(found):
                continue
            beside = seed.get(name)
            baseline = beside.value if model == NAME and beside and _known(beside) else None
            yield Metric.of(subject, name, found, trained.adoptions, baseline)
    for name, value in trained.calibration.items():
        yield Metric(NAME, name, value, n=trained.adoptions)
    # The observed share in each bin of the curve, with the mean prediction as baseline.
    for each in trained.reliability:
        share = wilson(round(each.share * each.n), each.n)
        name = f"said_{round(100 * each.low):02d}"
        yield Metric.of(RELIABILITY, name, share, each.n, each.mean_p)
    if trained.verdict.difference is not None:
        gap = trained.verdict.difference
        yield Metric.of(NAME, "auc_over_in_use", gap, trained.verdict.n)


def _gained(trained: "TasteTrainingResult") -> dict[str, Value]:
    if trained.gained is None:
        return {}
    name, gap = trained.gained
    return {
        "against_best_baseline": f"AUC {gap.value:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}] over "
        f"{name} on the newest fold"
    }


def _known(found: Interval) -> bool:
    return not math.isnan(found.value)
