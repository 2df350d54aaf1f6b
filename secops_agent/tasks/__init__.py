"""What scheduled tasks do, in processes of django-q2: each a `Work` that `services.schedules.tasks` names."""
