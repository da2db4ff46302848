; Which frames a client wants, for adapters that cannot tell, or cannot tell well enough.
%include "driver.inc"

global filter_passes:function

CODE undi_filter
;---------------------------------------------------------------------------
; filter_passes - do nic_filter, nic_mac and nic_mcast let a frame in?
; in:       SI = frame
; out:      CF = 0: yes; CF = 1: no
; clobbers: EAX, DI, flags
;---------------------------------------------------------------------------
filter_passes:
        push    cx
        push    dx
        test    byte [nic_filter], FLTR_PROMISCUOUS ; CF = 0
        jnz     .done
        mov     eax, [si + eth.dest]
        mov     dx, [si + eth.dest + 4]
        mov     di, nic_mac
        mov     cx, 1
        test    al, 1
        jz      .next
        mov     di, nic_mcast
        mov     cx, [nic_mcast_count]
        test    byte [nic_filter], FLTR_BROADCAST
        jz      .next
        cmp     eax, -1
        jne     .next
        cmp     dx, -1
        je      .done
.next:
        sub     cx, 1
        jb      .done
        cmp     [di + 4], dx
        jne     .other
        cmp     [di], eax
        je      .done                   ; CF = 0
.other:
        add     di, MAC_SIZE
        jmp     .next
.done:
        pop     dx
        pop     cx
        ret
