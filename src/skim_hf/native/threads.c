/* Threads without oversubscription: those of the OpenMP library that is loaded already, if one is.

   PyTorch's idle threads spin for milliseconds after its own parallel work. Threads of ours would have to
   share the cores with them, so the parts run on PyTorch's threads, through the entry points that its OpenMP
   library offers to compiled code. Where there are none, plain threads that live for one call. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "threads.h"

typedef struct {
    scan_pass pass;
    const scan_plan *plan;
    const void *arrays;
    int parts;
    atomic_int next, failed;
} job;

/* Takes parts until none is left, so that any number of threads does them all. */
static void work(void *argument) {
    job *j = argument;
    scan_plan plan = *j->plan;
    plan.parts = j->parts;
    while ((plan.part = atomic_fetch_add(&j->next, 1)) < j->parts)
        if (j->pass(&plan, j->arrays)) atomic_store(&j->failed, -1);
}

static void *work_in_thread(void *argument) {
    work(argument);
    return NULL;
}

static void run_in_plain_threads(job *j) {
    pthread_t *threads = malloc((size_t)j->parts * sizeof *threads);
    int started = 0;
    while (threads && started < j->parts - 1 && !pthread_create(&threads[started], NULL, work_in_thread, j)) started++;
    work(j);
    while (started) pthread_join(threads[--started], NULL);
    free(threads);
}

int run_parts(scan_pass pass, const scan_plan *plan, const void *arrays, int parts) {
    typedef void (*gomp_parallel)(void (*)(void *), void *, unsigned, unsigned);
    job j = {pass, plan, arrays, parts, 0, 0};
    if (parts == 1) {
        work(&j);
        return atomic_load(&j.failed);
    }
    gomp_parallel parallel;
    *(void **)&parallel = dlsym(RTLD_DEFAULT, "GOMP_parallel");
    if (parallel)
        parallel(work, &j, (unsigned)parts, 0);
    else
        run_in_plain_threads(&j);
    return atomic_load(&j.failed);
}
