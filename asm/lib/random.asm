; Numbers that differ from boot to boot: for sequence numbers, ports, session ids and challenges.
%include "romgen.inc"
%include "lib.inc"

global random_dword:function
global random_cycles:function
global random_state:data

extern net_mac
extern time_now

RANDOM_FACTOR   equ 9E3779B1h   ; 2^32 / golden ratio, odd: each input bit reaches the upper ones

BSS random
random_state:   resd 1

CODE random
;---------------------------------------------------------------------------
; random_dword - a number that nobody can foresee, as far as the machine allows
; in:       nothing
; out:      EAX = number
; clobbers: EAX, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
; Mixes what differs between machines (MAC), boots (date, ticks) and calls (timer, cycle counter)
; into the state, so that numbers of one boot differ even within one tick.
random_dword:
        push    ebx
        push    ecx
        push    edx
        push    es
        mov     ecx, [random_state]
        call    time_now
        call    .mix
        mov     eax, [net_mac]
        call    .mix
        mov     eax, [net_mac + 2]
        call    .mix
        push    BDA_SEGMENT
        pop     es
        mov     eax, [es:BDA_TICKS]
        call    .mix
        pushf
        cli
        mov     al, 0                   ; latch the counter: its low bits are not in time_now
        out     PIT_CONTROL, al
        in      al, PIT_COUNTER0
        shl     eax, 8
        in      al, PIT_COUNTER0
        shl     eax, 8
        mov     bl, 9                   ; the clock's bytes 0-9: time and date
.clock:
        mov     al, bl
        out     CMOS_INDEX, al
        in      al, CMOS_DATA
        call    .mix
        dec     bl
        jns     .clock
        popf
        call    random_cycles
        call    .mix
        mov     [random_state], ecx
        mov     eax, ecx
        pop     es
        pop     edx
        pop     ecx
        pop     ebx
        ret
.mix:                                   ; ECX = state, EAX = input
        xor     ecx, eax
        imul    ecx, ecx, RANDOM_FACTOR
        rol     ecx, 13
        inc     ecx                     ; keeps 0 from staying 0
        ret

;---------------------------------------------------------------------------
; random_cycles - the processor's cycle counter, where there is one
; in:       nothing
; out:      EAX = low half of the counter; else something
; clobbers: EAX, EBX, EDX, flags
; needs:    nothing
;---------------------------------------------------------------------------
; In virtual-8086 mode the monitor may forbid RDTSC, so it is left alone there.
random_cycles:
        smsw    ax
        test    al, CR0_PE
        jnz     .no_counter
        pushfd
        pop     eax
        mov     edx, eax
        btc     eax, EFLAGS_ID_BIT
        push    eax
        popfd
        pushfd
        pop     eax
        push    edx
        popfd
        xor     eax, edx
        bt      eax, EFLAGS_ID_BIT
        jnc     .no_counter             ; a 386 or an early 486
        push    ecx
        xor     eax, eax
        inc     ax
        cpu 586
        cpuid
        pop     ecx
        bt      edx, CPUID_TSC_BIT
        jnc     .no_counter
        rdtsc
        cpu 386
.no_counter:
        ret
