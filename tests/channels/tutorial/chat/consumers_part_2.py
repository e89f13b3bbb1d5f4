"""Part 2: the consumer is synchronous, and calls the layer through `async_to_sync`."""

import json

from asgiref.sync import async_to_sync
from channels.generic.websocket import WebsocketConsumer


class ChatConsumer(WebsocketConsumer):
    def connect(self):
        self.room_name = self.scope["url_route"]["kwargs"]["room_name"]
        self.room_group_name = f"chat_{self.room_name}"
        group_add = async_to_sync(self.channel_layer.group_add)
        group_add(self.room_group_name, self.channel_name)
        self.accept()

    def disconnect(self, close_code):
        group_discard = async_to_sync(self.channel_layer.group_discard)
        group_discard(self.room_group_name, self.channel_name)

    def receive(self, text_data):
        message = json.loads(text_data)["message"]
        group_send = async_to_sync(self.channel_layer.group_send)
        group_send(self.room_group_name, {"type": "chat.message", "message": message})

    def chat_message(self, event):
        self.send(text_data=json.dumps({"message": event["message"]}))
