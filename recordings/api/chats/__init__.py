"""The `chats` dialect: /api/v2/w/{workspace_uuid}/recordings/chat/{chat_id}, a whole call as one WAV, by its chat."""
