"""DingTalk's OpenAPI over our own HTTP client, in the SDK's formats. No Django."""

from dingtalk_integration.openapi.api import OpenApi
from dingtalk_integration.openapi.application import Application, Endpoints
from dingtalk_integration.openapi.cards import Cards
from dingtalk_integration.openapi.media import Media
from dingtalk_integration.openapi.replies import Replies
from dingtalk_integration.openapi.tokens import Tokens

__all__ = ["Application", "Cards", "Endpoints", "Media", "OpenApi", "Replies", "Tokens"]
