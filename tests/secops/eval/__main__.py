"""``python -m tests.secops.eval``: the evaluation set, offline always, with 通义千问 when DASHSCOPE_API_KEY is set.

BIFANG_EVAL_MODEL names the model (default qwen-plus).
"""

import asyncio
import os
import sys
import tempfile

REQUIRED_OFFLINE, REQUIRED_MODEL = 0.98, 0.85


def main() -> int:
    """0 when the shares are reached and nothing was proposed unasked."""
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {"BIFANG_DATA_DIR": home, "BIFANG_LOG_DIR": home, "DATABASE_URL": ""}
        os.environ["DJANGO_SETTINGS_MODULE"] = "bifang.settings"
        import django

        django.setup()
        return _evaluate()


def _evaluate() -> int:
    from django.core.management import call_command

    from bifang.core import db
    from secops_agent.demo.loading import load
    from secops_agent.services.people.staff import find_person
    from tests.secops.eval.scoring import read_questions, run

    call_command("migrate", verbosity=0, interactive=False)
    load()
    questions = read_questions()
    people = {q.staff_id: person for q in questions if (person := find_person("", q.staff_id))}
    good = _report("离线模式", asyncio.run(run(questions, people)), REQUIRED_OFFLINE)
    if os.environ.get("DASHSCOPE_API_KEY"):
        model, config_id = _configure()
        scores = asyncio.run(run(questions, people, ai_config_id=config_id))
        good = _report(model, scores, REQUIRED_MODEL) and good
    else:
        print("没有设置 DASHSCOPE_API_KEY，跳过通义千问。")
    db.shut_down()
    return 0 if good else 1


def _configure() -> tuple[str, int]:
    from bifang.core.models import SystemConfig
    from bifang.core.sections import apply_sections

    model = os.environ.get("BIFANG_EVAL_MODEL", "qwen-plus")
    apply_sections(
        {"configs": [{"kind": "qwen", "name": "评测", "model": model, "api_key": "env:DASHSCOPE_API_KEY"}]}
    )
    return model, SystemConfig.objects.get(kind="qwen", name="评测").pk


def _report(name: str, scores: list, required: float) -> bool:  # type: ignore[type-arg]
    failed = [score for score in scores if score.faults]
    wrong = [score for score in scores if score.is_wrong_action]
    for score in failed:
        print(f"  ✗ {score.question.text}：{'；'.join(score.faults)}")
    share = 1 - len(failed) / len(scores)
    print(
        f"{name}：{len(scores) - len(failed)}/{len(scores)}（{share:.1%}，要求 {required:.0%}），误操作 {len(wrong)} 次"
    )
    return share >= required and not wrong


if __name__ == "__main__":
    sys.exit(main())
