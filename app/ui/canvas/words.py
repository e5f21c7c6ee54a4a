"""What the canvas says in words: names of joints, states, labels of people."""

from __future__ import annotations

from app.labels.pose import Provenance, Visibility
from app.ui.canvas.scene import ShownPerson
from glsmamba.data.skeletons import Skeleton, joint_words

PROVENANCE_WORDS = {
    Provenance.MODEL: "predicted", Provenance.HUMAN: "by hand", Provenance.INTERPOLATED: "interpolated",
    Provenance.IMPORTED: "imported", Provenance.REFINED: "refined by the model",
    Provenance.ESTIMATED: "estimated from other joints",
}  # fmt: skip
#: Letters of a person's name on the picture; the panels show more of it.
LONGEST_NAME = 24
VISIBILITY_WORDS = {Visibility.ABSENT: "absent", Visibility.OCCLUDED: "occluded", Visibility.VISIBLE: "visible"}


def score_words(score: float) -> str:
    """ ".94", and "1.0" for certainty."""
    return "1.0" if score >= 0.995 else f"{score:.2f}"[1:]


def joint_lines(person: ShownPerson, joint: int, skeleton: Skeleton, name: str) -> tuple[str, str]:
    """Two lines that announce a joint: name and score, then its state and whose it is."""
    pose = person.pose
    provenance, visibility = Provenance(int(pose.provenance[joint])), Visibility(int(pose.visibility[joint]))
    score = "" if provenance in (Provenance.HUMAN, Provenance.NONE) else f"  {score_words(float(pose.scores[joint]))}"
    state = [PROVENANCE_WORDS.get(provenance, "")]
    if pose.accepted and provenance != Provenance.HUMAN:
        state.append("accepted")
    state.append(VISIBILITY_WORDS[visibility])
    if not person.drawn[joint] and visibility != Visibility.ABSENT:
        state.append("below the threshold")
    state.append(f"{person.number} · {name}")
    return joint_words(skeleton.joints[joint]) + score, " · ".join(part for part in state if part)


def person_label(person: ShownPerson, name: str) -> str:
    """The label over a person: number in the frame, name, cut where it is long, and score until a human accepted it."""
    name = name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1].rstrip() + "…"
    if person.pose.accepted:
        return f"✓ {person.number} · {name}"
    return f"{person.number} · {name}  {score_words(person.pose.score)}"
