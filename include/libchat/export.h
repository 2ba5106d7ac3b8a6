/* What every public header needs: visibility, C linkage, checked results. */
#ifndef LIBCHAT_EXPORT_H
#define LIBCHAT_EXPORT_H

#ifdef __cplusplus
#define CHAT_BEGIN_DECLS extern "C" {
#define CHAT_END_DECLS }
#else
#define CHAT_BEGIN_DECLS
#define CHAT_END_DECLS
#endif

#if defined(_WIN32)
#define CHAT_API
#elif defined(__GNUC__)
#define CHAT_API __attribute__((visibility("default")))
#else
#define CHAT_API
#endif

#if defined(__GNUC__)
#define CHAT_USE_RESULT __attribute__((warn_unused_result))
#define CHAT_PRINTF(text_arg, first_arg) __attribute__((format(printf, text_arg, first_arg)))
#else
#define CHAT_USE_RESULT
#define CHAT_PRINTF(text_arg, first_arg)
#endif

#endif
