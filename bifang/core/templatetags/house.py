"""How times and texts look on our own pages."""

from django import template

from bifang.core.admin import base

register = template.Library()
register.filter("ago", base.ago)
register.filter("moment", base.moment)
