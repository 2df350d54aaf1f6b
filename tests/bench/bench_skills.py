"""Finding a skill by a question: is the one that it was written about among the first three, and what does a search cost?

Run: ``python -m tests.bench.bench_skills FOLDER QUESTIONS``: a folder of skills, and JSON lines ``{"skill": name, "question": text}``
by somebody who saw the body of each skill and not its description. On SQLite in a new directory; processor time counts.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles

from tests.acceptance.processes import MANAGE, PROJECT, clean_environment

SHOWN = 3


def main() -> None:
    """Import them as an operator does, then measure."""
    if os.environ.get("BENCH_INSIDE"):
        measure(Path(sys.argv[1]))
        return
    folder, questions = (str(Path(each).resolve()) for each in sys.argv[1:3])
    with tempfile.TemporaryDirectory() as directory:
        environment = clean_environment(Path(directory))
        subprocess.run([*MANAGE, "migrate", "-v", "0"], cwd=PROJECT, env=environment, check=True)
        subprocess.run([*MANAGE, "skills", "import", folder], cwd=PROJECT, env=environment, check=True)
        inside = environment | {"BENCH_INSIDE": "1", "DJANGO_SETTINGS_MODULE": "bifang.settings"}
        command = [sys.executable, "-m", "tests.bench.bench_skills", questions]
        subprocess.run(command, cwd=PROJECT, env=inside, check=True)


def measure(questions: Path) -> None:
    """Prints every miss, the shares and the milliseconds."""
    import django

    django.setup()
    from secops_agent.services import runbooks

    asked = [json.loads(line) for line in questions.read_text("utf-8").splitlines() if line.strip()]
    runbooks.search("warm up")
    ranks, spent = [], []
    for each in asked:
        start = time.process_time()
        titles = [hit.title for hit in runbooks.search(each["question"], SHOWN)]
        spent.append(1000 * (time.process_time() - start))
        ranks.append(titles.index(each["skill"]) + 1 if each["skill"] in titles else 0)
        if not ranks[-1]:
            print(f"missed {each['skill']}: {', '.join(titles)}")
    first, among = (sum(0 < rank <= most for rank in ranks) for most in (1, SHOWN))
    print(
        f"{len(asked)} questions: first {first}, among the first {SHOWN} {among} ({among / len(asked):.0%})"
    )
    print(
        f"CPU ms a search: median {median(spent):.1f}, p95 {quantiles(spent, n=20)[-1]:.1f}, most {max(spent):.1f}"
    )


if __name__ == "__main__":
    main()
