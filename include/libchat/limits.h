/* The limits of the protocol, as numbers. proto/libchat/v1 says the same in words. */
#ifndef LIBCHAT_LIMITS_H
#define LIBCHAT_LIMITS_H

#define CHAT_TEXT_MAX 8192u          /* bytes of a message's text */
#define CHAT_EXTRA_MAX 4096u         /* bytes of a message's `extra` */
#define CHAT_NAME_MAX 128u           /* bytes of a user's or group's name */
#define CHAT_TOKEN_MAX 8192u         /* bytes of a JWT */
#define CHAT_TICKET_MAX 512u         /* bytes of a resume ticket */
#define CHAT_SUBJECT_MAX 256u        /* bytes of a token's iss or sub */
#define CHAT_GROUP_MEMBERS_MAX 500u  /* members of a group */
#define CHAT_USER_CHANNELS_MAX 2000u /* conversations in one user's list */
#define CHAT_HISTORY_PAGE_MAX 200u   /* messages of a history page */
#define CHAT_CHANGES_PAGE_MAX 500u   /* alterations of a changes page */
#define CHAT_SEARCH_MAX 256u         /* bytes of what is searched for */
#define CHAT_SEARCH_PAGE_MAX 100u    /* messages of a page of hits */
#define CHAT_IN_FLIGHT_MAX 32u       /* unanswered operations per channel and device */
#define CHAT_MENTIONS_MAX 32u        /* users mentioned by one message */
#define CHAT_MENTIONS_COUNT_MAX 100u /* unread mentions counted; this many: or more */
#define CHAT_EMOJI_MAX 32u           /* bytes of a reaction's emoji */
#define CHAT_REACTION_KINDS_MAX 20u  /* different emoji on one message */
#define CHAT_REACTIONS_MAX 1000u     /* reactions to one message, of all emoji and users */
#define CHAT_WATCH_MAX 200u          /* users whose presence a session watches */
#define CHAT_HEARTBEAT_POSITIONS_MAX 64u
#define CHAT_RECEIPT_MARKS_MAX 64u       /* channels of a MarkReceipts */
#define CHAT_DRAFT_MAX 8192u             /* bytes of a draft's text */
#define CHAT_DEVICES_MAX 64u             /* devices that a user's home remembers */
#define CHAT_CLIENT_NAME_MAX 64u         /* bytes of what a client calls itself */
#define CHAT_CLIENT_MESSAGE_MAX 65536u   /* bytes of a WebSocket message from a client */
#define CHAT_CLIENT_FRAMES_MAX 64u       /* frames in it */
#define CHAT_SERVER_MESSAGE_MAX 1048576u /* bytes of a WebSocket message from a daemon */
#define CHAT_SERVER_FRAMES_MAX 4096u
#define CHAT_SHARDS_MAX 1024u /* logical shards of a deployment */

#endif
