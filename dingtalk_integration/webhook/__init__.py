"""DingTalk by HTTP callback (使用流式推送 off): the same inbox behind another door."""
