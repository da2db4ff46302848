; The clock: milliseconds from counter 0 of the timer chip, without interrupts.
%include "romgen.inc"
%include "lib.inc"

global time_init:function
global time_now:function
global time_tick:function
global time_held:data
%if WITH_ISCSI
extern tcp_rtt_on
%endif

BSS time
time_ms:        resd 1          ; what time_now returned last
time_rest:      resd 1          ; part of a millisecond, in units of 1/TIME_MS
time_last:      resd 1          ; count of the last call
time_top:       resd 1          ; first count seen after the counter began anew: nearly its period
time_held:      resb 1          ; 1: time_now leaves the chip alone (in the timer tick)

CODE time
;---------------------------------------------------------------------------
; time_init - start the clock at 0
; in:       nothing
; out:      EAX = 0
; clobbers: EAX, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
time_init:
        xor     eax, eax
        mov     [time_ms], eax
        mov     [time_rest], eax
        mov     [time_last], eax
        mov     [time_top], eax
        ; fallthrough: the first call finds the count behind time_last = 0 and adds nothing

;---------------------------------------------------------------------------
; time_now - milliseconds since time_init
; in:       nothing
; out:      EAX = ms; never less than before
; clobbers: EAX, flags
; needs:    DS = DGROUP; at least one call in each period of the counter (55 ms as the BIOS sets it)
;---------------------------------------------------------------------------
; Nobody can read the counter's period, and a guest may have changed it. So a new period is taken
; to begin at the highest count that was seen at the start of this one or the one before: the
; clock may lose what passed between two calls there, and never runs ahead.
time_now:
        push    ecx
        push    edx
        cmp     byte [time_held], 0
        jne     .done
        pushf
        cli                             ; a timer interrupt's handler may latch the counter too
        mov     al, PIT_READ_BACK
        out     PIT_CONTROL, al
        in      al, PIT_COUNTER0
        mov     cl, al                  ; status
        in      al, PIT_COUNTER0
        mov     ah, al
        in      al, PIT_COUNTER0
        xchg    al, ah
        popf
        test    cl, PIT_STATUS_NULL
        jnz     .done                   ; the count is not valid yet
        dec     ax                      ; 0 stands for 65536
        movzx   edx, ax
        mov     eax, [time_last]
        mov     [time_last], edx
        cmp     edx, eax
        jbe     .same_period
%if WITH_ISCSI
        rol     byte [tcp_rtt_on], 1    ; what is being measured may come out too short
%endif
        xchg    edx, [time_top]         ; EDX = where the period before began
        cmp     edx, [time_top]
        jae     .top
        mov     edx, [time_top]
.top:
        add     eax, edx
        mov     edx, [time_top]         ; = the count
.same_period:
        sub     eax, edx
        test    cl, PIT_STATUS_SQUARE
        jnz     .units
        add     eax, eax
.units:
        imul    eax, eax, TIME_SCALE
        add     eax, [time_rest]
        xor     edx, edx
        mov     ecx, TIME_MS
        div     ecx
        mov     [time_rest], edx
        add     [time_ms], eax
.done:
        mov     eax, [time_ms]
        pop     edx
        pop     ecx
        ret

;---------------------------------------------------------------------------
; time_tick - a timer tick: keeps the clock going while nobody calls time_now
; in:       nothing
; out:      nothing
; clobbers: flags
; needs:    DS = DGROUP; called in each tick in which time_now is not
;---------------------------------------------------------------------------
; The chip is left alone: the tick may have interrupted a guest between its own latch and read.
; The first tick only ends the period under way, the clock loses that piece.
time_tick:
        cmp     dword [time_last], 0
        mov     dword [time_last], 0    ; here the next period begins
        jne     .done
        add     dword [time_ms], TICK_MS
.done:
        ret
