"""The command line: thin, each command calls one function.

Exit codes: 0 done, 1 ``check`` found errors or the self-test a wrong kernel, 2 something is wrong and one sentence says what,
130 stopped with Ctrl-C.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from glsmamba.kept_memory import keep_memory

__all__ = ["main"]

_DESCRIPTION = """\
Annotate human pose in video with GLSMamba.

Without a command the window opens. Videos are read by frame number, counted from 0; labels live in project files
(*.glsproj) beside the video, and everything is saved as it happens."""

_EXAMPLES = """\
examples:
  glsmamba-studio                                   open the window
  glsmamba-studio open jump.mp4                     open a video, or go on with its project
  glsmamba-studio predict jump.mp4 walk.mp4 --out results
                                                    predict without a window: results/jump.glsproj and jump.json
  glsmamba-studio export jump.glsproj --out posetrack --kind annotations
  glsmamba-studio check posetrack/jump.json         is this PoseTrack file sound?
  glsmamba-studio info                              versions, devices, kernels, checkpoint

exit codes:
  0    done
  1    `check` found errors, or `info --self-test` a kernel that is wrong
  2    it could not be done; one sentence says why and what to do
  130  stopped with Ctrl-C; what was done so far is kept

`glsmamba-studio COMMAND --help` tells all about a command.
From a checkout, write `python main.py` for `glsmamba-studio`. Set GLSMAMBA_DEBUG=1 to see where an error comes from."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="glsmamba-studio", usage="%(prog)s [-h] [--version] [COMMAND ...]", description=_DESCRIPTION, epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--version", action="version", version=f"%(prog)s {_program_version()}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands", prog=parser.prog)

    def command(name: str, short: str, text: str, examples: str = "") -> argparse.ArgumentParser:
        return commands.add_parser(
            name, help=short, description=text, epilog=f"examples:\n{examples}" if examples else None,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip

    part = command(
        "open", "open the window",
        "Open the window on a video, a folder of pictures or a project. Needs a screen.\n\n"
        "A video's project is NAME.glsproj beside it, or in your data folder where that one can't be written. It is made the\n"
        "first time and opened again later. Poses are predicted in the background while you work.",
        "  glsmamba-studio open jump.mp4\n"
        "  glsmamba-studio open jump.glsproj",
    )  # fmt: skip
    part.add_argument("path", nargs="?", type=Path, metavar="VIDEO|PROJECT", help="what to open; by default the welcome page")

    part = command(
        "predict", "predict videos without a window",
        "Find people, follow them and predict their poses in each frame of one or more videos.\n\n"
        "For each VIDEO this makes DIR/NAME.glsproj, a project to correct in the window, and DIR/NAME.json, the predictions\n"
        "as a PoseTrack 2018 file. Given again, the command goes on where it stopped; Ctrl-C stops it and loses nothing.\n"
        "What a human has placed in a project is never overwritten.",
        "  glsmamba-studio predict jump.mp4 --out results\n"
        "  glsmamba-studio predict clips/*.mp4 --out results --device cuda:0\n"
        "  glsmamba-studio predict jump.mp4 --out trial --limit 50",
    )  # fmt: skip
    part.add_argument("videos", nargs="+", type=Path, metavar="VIDEO", help="video file or folder of pictures")
    part.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder for the results; made if need be")
    part.add_argument("--device", default="auto", help="auto (default: the first CUDA device, else the CPU), cpu, cuda:0, ...")
    part.add_argument("--checkpoint", metavar="FILE", help="checkpoint, or a name of `weights list` (default: the shipped one)")
    part.add_argument("--limit", type=int, metavar="N", help="only the first N frames")
    part.add_argument(
        "--detect-every", type=int, default=1, metavar="N",
        help="look for people at every Nth frame and follow them by their poses between (default 1: every frame)",
    )  # fmt: skip
    part.add_argument("--again", action="store_true", help="predict frames again that were predicted before")
    part.add_argument(
        "--exact", action="store_true",
        help="one window a person and frame, cropped by that frame's own box, as in the paper; about half as fast",
    )  # fmt: skip
    part.add_argument(
        "--flip-test", action="store_true", help="each window a second time in the mirror, and their mean: more exact, slower"
    )

    part = command(
        "export", "write a project as PoseTrack files",
        "Write a project's poses as a file that pose evaluators read: DIR/NAME.json. Close the project in the window first.",
        "  glsmamba-studio export jump.glsproj --format posetrack18 --out posetrack\n"
        "  glsmamba-studio export jump.glsproj --out results --kind predictions",
    )  # fmt: skip
    part.add_argument("project", type=Path, metavar="PROJECT", help="a *.glsproj file")
    part.add_argument("--format", choices=["posetrack18"], default="posetrack18", help="file format (default posetrack18)")
    part.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder for the file; made if need be")
    part.add_argument(
        "--kind", choices=["annotations", "predictions"], default="annotations",
        help="annotations: ground truth; predictions: with scores, as results for an evaluator (default annotations)",
    )  # fmt: skip
    part.add_argument(
        "--include", choices=["all", "touched", "accepted"], default="all",
        help="all poses, those a human touched, or those a human accepted (default all)",
    )  # fmt: skip

    part = command(
        "check", "check PoseTrack files",
        "Say what is wrong with PoseTrack 2018 JSON files, with the frame and the person. Exit code 1 if there are errors.\n\n"
        "Errors are what evaluators stumble over or count wrong; warnings are worth a look.",
        "  glsmamba-studio check posetrack/*.json",
    )  # fmt: skip
    part.add_argument("files", nargs="+", type=Path, metavar="FILE", help="PoseTrack 2018 JSON file")

    part = command(
        "info", "versions, devices, kernels, checkpoint",
        "Print what is installed, the devices at hand, which kernel scans on each and why, and what the checkpoint\n"
        "says of itself. Paste it into a report of a defect.",
        "  glsmamba-studio info\n"
        "  glsmamba-studio info --checkpoint runs/t/checkpoint.safetensors\n"
        "  glsmamba-studio info --self-test                kernels against the reference, on your devices",
    )  # fmt: skip
    part.add_argument("--checkpoint", metavar="FILE", help="tell of this checkpoint, or name of `weights list`, instead")
    part.add_argument("--self-test", action="store_true", help="try every kernel against the reference; 1 if one is wrong")

    command(
        "sample", "fetch the sample video",
        "Print the path of the sample video: a man on a wall and passers-by (from the Python package sports2d, BSD-3-Clause).\n"
        "It is fetched with pip (4 MB) the first time, checked by its hash and kept in your cache folder.",
        '  glsmamba-studio open "$(glsmamba-studio sample)"',
    )  # fmt: skip

    part = command(
        "weights", "list, import and fetch weights",
        "The shipped GLSMamba, and ViTPose weights of your own: predicting frame by frame (the single-frame baseline), or\n"
        "as the encoder of a GLSMamba to be trained. Kept in your data folder; nothing in a file that is imported is executed.",
        "  glsmamba-studio weights list\n"
        "  glsmamba-studio weights import vitpose-b.pth\n"
        "  glsmamba-studio weights import vitpose-base-simple/ --name b-simple\n"
        "  glsmamba-studio weights fetch vitpose-s",
    )  # fmt: skip
    verbs = part.add_subparsers(dest="verb", metavar="list|import|fetch", required=True)
    verbs.add_parser("list", help="those on this machine and those that can be fetched, with size, licence and state")
    verb = verbs.add_parser("import", help="convert official .pth, mmpose 1.x, safetensors or a Hugging Face folder")
    verb.add_argument("file", type=Path, metavar="FILE", help="file or folder")
    verb.add_argument("--name", default="", help="what to call it (default: the file's name)")
    verb = verbs.add_parser("fetch", help="fetch and import; given again after an interruption, goes on where it stopped")
    verb.add_argument("name", metavar="NAME", help="a name of `weights list`")

    part = command(
        "train", "train a model",
        "Train a model as a TOML file says. Cut it whenever you like: given again, the command goes on from the last state.\n"
        "State, log, curves for TensorBoard and pictures of samples go to runs/NAME. Several GPUs are used with --devices or\n"
        "under torchrun; the batch in the file is that of all of them together.",
        "  glsmamba-studio train resources/train/t-still.toml\n"
        "  glsmamba-studio train resources/train/posetrack-b.toml --check      is all data there?\n"
        "  glsmamba-studio train resources/train/posetrack-b.toml --devices 4\n"
        "  torchrun --nproc-per-node 4 main.py train resources/train/posetrack-b.toml",
    )  # fmt: skip
    part.add_argument("config", metavar="CONFIG", help="TOML file of the run")
    part.add_argument("--fresh", action="store_true", help="begin anew instead of going on")
    part.add_argument("--check", action="store_true", help="only say what the data sets hold and what is missing")
    part.add_argument("--devices", type=int, metavar="N", help="processes on this machine, each with a device of its own")
    part.add_argument("--accelerator", choices=["auto", "cpu", "cuda"], default="auto", help="auto: CUDA where there is any")

    part = command(
        "improve", "improve a model on your corrections",
        "Train a copy of the model on what you corrected in a project, and measure before and after on frames of it that were\n"
        "not learnt from. The old model stays as it is; use the new one with `--checkpoint`, or choose its file in\n"
        "Model > Model…. Ctrl-C stops it; given again, it goes on from there.",
        "  glsmamba-studio improve jump.mp4 --out jump-improved.safetensors\n"
        "  glsmamba-studio improve jump.glsproj --out mine.safetensors --minutes 3",
    )  # fmt: skip
    part.add_argument("project", type=Path, metavar="PROJECT|VIDEO", help="a *.glsproj file, or the video it belongs to")
    part.add_argument("--out", required=True, type=Path, metavar="FILE", help="the new checkpoint, a *.safetensors file")
    part.add_argument("--checkpoint", metavar="FILE", help="what to improve, or a name of `weights list` (default: shipped)")
    part.add_argument("--device", default="auto", help="auto (default: the first CUDA device, else the CPU), cpu, cuda:0, ...")
    part.add_argument("--minutes", type=float, metavar="N", help="train so long at most (default 8)")

    part = command(
        "evaluate", "measure a checkpoint or predictions",
        "Measure a checkpoint on a labelled data set, per joint: PCK, PCKh, and as far as the set allows PoseTrack's AP,\n"
        "COCO's OKS-AP and jitter. PATH is the data set's folder as published: PoseTrack 2017, 2018 or 21, COCO keypoints,\n"
        "Sub-JHMDB, Leeds Sports Pose or its extension; or a PoseTrack file of this program (its video beside it); or a\n"
        "project, of which what a human placed, accepted or reviewed is the truth. Instead of a checkpoint it takes\n"
        "predictions: a PoseTrack file or a folder of them.",
        "  glsmamba-studio evaluate weights/glsmamba-t.safetensors --data lspet --split held-out\n"
        "  glsmamba-studio evaluate glsmamba-t --data posetrack18 --split val --boxes both --json figures.json\n"
        "  glsmamba-studio evaluate results/ --data posetrack17 --split val",
    )  # fmt: skip
    part.add_argument(
        "checkpoint", metavar="CHECKPOINT|PREDICTIONS", help="checkpoint, name of `weights list`, or PoseTrack predictions"
    )
    part.add_argument("--data", "--stills", type=Path, required=True, metavar="PATH", help="the data set")
    part.add_argument("--split", default="", help="which part of it, such as val; needed where it has several")
    part.add_argument("--kind", default="", help="what the set must be, such as posetrack18 (default: what lies there)")
    part.add_argument("--video", type=Path, metavar="VIDEO", help="video of a PoseTrack file or project, if not beside it")
    part.add_argument(
        "--boxes", choices=["truth", "detector", "both"], default="truth",
        help="people's own boxes, those of the program's person detector, or one after the other (default truth)",
    )  # fmt: skip
    part.add_argument("--limit", type=int, metavar="N", help="at most N labelled frames, the first of each clip")
    part.add_argument("--device", default="auto", help="auto (default), cpu, cuda:0, ...")
    part.add_argument(
        "--flip-test", action="store_true", help="each window a second time in the mirror, and their mean: more exact, slower"
    )
    part.add_argument(
        "--json", nargs="?", const="", metavar="FILE", help="figures as JSON: into FILE beside the table, or instead of it"
    )

    part = command(
        "calibrate", "make a checkpoint's scores probabilities",
        "Fit how probable it is that a joint is within 0.2 head sizes of the truth, given its heat map's peak and spread, on\n"
        "people that the checkpoint was not trained on, and write that into the checkpoint: weights and all else in it stay.\n"
        "Prints how well scores (before) and probabilities (after) say what comes true, on people not fitted on.",
        "  glsmamba-studio calibrate weights/glsmamba-t.safetensors --data lspet\n"
        "  glsmamba-studio calibrate weights/glsmamba-t.safetensors --data lspet --check",
    )  # fmt: skip
    part.add_argument("checkpoint", metavar="CHECKPOINT", help="safetensors file of a GLSMamba, or a name of `weights list`")
    part.add_argument(
        "--data", "--stills", type=Path, required=True, metavar="DIR", help="folder of Leeds Sports Pose Extended"
    )  # fmt: skip
    part.add_argument("--people", type=int, metavar="N", help="only N of the people, evenly chosen (default all)")
    part.add_argument("--check", action="store_true", help="write nothing; measure on the people held out for reporting")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code."""
    arguments = _parser().parse_args(argv)
    keep_memory()  # before there are threads
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever read the output has gone (`... | head`); say nothing, also not when Python closes its streams.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ValueError, OSError, RuntimeError) as error:
        if os.environ.get("GLSMAMBA_DEBUG"):
            raise
        print(f"glsmamba-studio: {_sentence(error)}", file=sys.stderr)
        return 2


def _run(arguments: argparse.Namespace) -> int:
    match arguments.command:
        case "predict":
            return _predict(arguments)
        case "export":
            from app.commands.files import export, told

            written = export(arguments.project, arguments.out, arguments.kind, arguments.include)
            for problem in written.problems:
                print(told(problem), file=sys.stderr)
            print(*written.paths, sep="\n")
        case "check":
            from app.commands.files import check

            return 1 if check(arguments.files) else 0
        case "info":
            from app.commands.info import info, self_test_report

            if arguments.self_test:
                text, sound = self_test_report()
                print(text)
                return 0 if sound else 1
            print(info(arguments.checkpoint))
        case "sample":
            from app.video.sample import sample_video

            print(sample_video())
        case "weights":
            _weights(arguments)
        case "train":
            from app.commands.train import check_data, train_model

            if arguments.check:
                print(check_data(arguments.config))
            else:
                train_model(arguments.config, not arguments.fresh, arguments.devices, arguments.accelerator)
        case "improve":
            return _improve(arguments)
        case "evaluate":
            _evaluate(arguments)
        case "calibrate":
            from app.weights.folder import resolved
            from glsmamba.training.calibrating import report

            print(report(resolved(arguments.checkpoint), arguments.data, people=arguments.people, only_check=arguments.check))
        case _:
            return _open(getattr(arguments, "path", None))
    return 0


def _predict(arguments: argparse.Namespace) -> int:
    from app.commands.predict import Options, Stopped, predict

    if arguments.detect_every < 1:
        raise ValueError("--detect-every must be at least 1.")
    options = Options(
        arguments.out, arguments.device, arguments.checkpoint, arguments.limit, arguments.detect_every, arguments.again,
        arguments.exact, arguments.flip_test,
    )  # fmt: skip
    try:
        for written in predict(arguments.videos, options):
            print(written)
    except Stopped as stopped:
        print(stopped, file=sys.stderr)
        return 130
    return 0


def _improve(arguments: argparse.Namespace) -> int:
    from app.commands.improve import StoppedImproving, improve_model

    try:
        print(improve_model(arguments.project, arguments.out, arguments.checkpoint, arguments.device, arguments.minutes))
    except StoppedImproving as stopped:
        print(stopped, file=sys.stderr)
        return 130
    return 0


def _evaluate(arguments: argparse.Namespace) -> None:
    from app.commands.evaluate import Boxes, Question, evaluate

    boxes: tuple[Boxes, ...] = ("truth", "detector") if arguments.boxes == "both" else (arguments.boxes,)
    question = Question(
        arguments.checkpoint, arguments.data, arguments.split, arguments.kind, arguments.video, boxes, arguments.limit,
        arguments.device, arguments.flip_test,
    )  # fmt: skip
    text, figures = evaluate(question)
    if arguments.json:
        Path(arguments.json).write_text(figures + "\n", encoding="utf-8")
    print(text if arguments.json != "" else figures)


def _weights(arguments: argparse.Namespace) -> None:
    from app.commands.weights import fetch_weights, import_file, list_weights

    match arguments.verb:
        case "import":
            print(import_file(arguments.file, arguments.name))
        case "fetch":
            print(fetch_weights(arguments.name))
        case _:
            print(list_weights())


def _open(path: Path | None) -> int:
    if path is not None and not path.exists():
        raise FileNotFoundError(f"{path} does not exist: check the path.")
    from app.commands.screen import has_screen

    if not has_screen():
        raise RuntimeError(
            "There is no screen here to open a window on. These need none: glsmamba-studio predict VIDEO --out DIR, export, "
            "check, info (see glsmamba-studio --help)."
        )
    from app.ui.application import run

    return run(path)


def _program_version() -> str:
    from glsmamba import __version__

    return __version__


def _sentence(error: BaseException) -> str:
    """One line: the operating system's errors with their file, all others as they say it themselves."""
    if type(error).__module__ == "builtins" and isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror}."
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else f"{type(error).__name__}."
