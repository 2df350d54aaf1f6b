"""What scheduled tasks do, in processes of django-q2: each a `TaskWork` that `services.schedules.tasks` names."""
