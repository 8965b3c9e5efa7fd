// Tells the thread sanitizer of the slow ways of Swift's Mutex.
//
// The fast way is compiled into our code and is seen. The slow ones, where a thread waits or wakes another, are in
// libswiftSynchronization, which is not instrumented: without this each contended lock is reported as a race of what it
// guards. Preloaded by scripts/test-sanitizers, it stands before the library's functions. The names are those of Swift 6.0 to
// 6.3 on Linux; if they change, the reports come back.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define swift __attribute__((swiftcall))
#define self __attribute__((swift_context)) void *handle

#define LOCK "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define TRY_LOCK "$s15Synchronization12_MutexHandleV12_tryLockSlowSbyF"
#define UNLOCK "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

// Absent in processes without the sanitizer, into which this is preloaded as well.
__attribute__((weak)) void __tsan_acquire(void *address);
__attribute__((weak)) void __tsan_release(void *address);

swift void lock_slow(uint32_t thread, self) __asm__(LOCK);
swift bool try_lock_slow(self) __asm__(TRY_LOCK);
swift void unlock_slow(self) __asm__(UNLOCK);

swift void lock_slow(uint32_t thread, self) {
    ((swift void (*)(uint32_t, self))dlsym(RTLD_NEXT, LOCK))(thread, handle);
    if (__tsan_acquire != NULL) __tsan_acquire(handle);
}

swift bool try_lock_slow(self) {
    bool locked = ((swift bool (*)(self))dlsym(RTLD_NEXT, TRY_LOCK))(handle);
    if (locked && __tsan_acquire != NULL) __tsan_acquire(handle);
    return locked;
}

swift void unlock_slow(self) {
    if (__tsan_release != NULL) __tsan_release(handle);
    ((swift void (*)(self))dlsym(RTLD_NEXT, UNLOCK))(handle);
}
