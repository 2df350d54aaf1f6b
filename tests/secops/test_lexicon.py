"""The lexicon of a process: people as they are now, the rest of a while ago."""

from bifang.core.database import db
from secops_agent.agent.llms.lexicon import CurrentLexicon
from secops_agent.models import Staff
from tests.secops.inventory_aid import person


async def test_who_was_added_renamed_or_left_is_known_so_in_the_next_sentence(database: None) -> None:
    known = CurrentLexicon()
    await db.call(person, "lisi", "李四")
    assert (await known.get()).people["李四"] == "李四"
    await db.call(person, "sunba", "孙八")
    found = await known.get()
    assert (found.people["孙八"], found.called["八"]) == ("孙八", "孙八")

    def rename() -> None:
        row = Staff.objects.get(staff_id="sunba")
        row.name = "孙九"
        row.save()

    await db.call(rename)
    assert "孙九" in (await known.get()).people
    await db.call(lambda: Staff.objects.filter(staff_id="lisi").update(active=False))
    assert "李四" not in (await known.get()).people
