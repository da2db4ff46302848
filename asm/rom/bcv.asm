; The boot connection vector: connect to the target, hook INT 13h; or leave everything as it was.
%include "romgen.inc"
%include "rom.inc"

global bcv_main:function
global bcv_open:function
global bcv_connect:function
global bcv_defer:function
global boot_bdf:data
global boot_code:data
global boot_rom:data
global bcv_caller:data
global bcv_keep:data
global bcv_close_undi:function

extern adapter_check, adapter_find, rom_bdf
extern error_detail, error_print, error_print_no_memory
extern ev_boot_mode, ev_boot_protocol, ev_force_boot, ev_link_delay, ev_load
extern ibft_write
extern instance_check, instance_here, instance_other, instance_publish
extern int13_busy, int13_install, int15_install
extern iscsi_close, iscsi_open
extern ahead_memory
extern memory_allocate, memory_extended, memory_release, memory_segment
extern message_late
extern pmm_call, pmm_find
extern rom_late, rom_late_old, rom_store, rom_store_dword, rom_version
extern int13_drive
extern message_attached, message_banner, message_disk, message_size
extern message_product
extern message_link, message_off, message_prepare, message_target
extern message_target2, session_target
extern message_delay, message_gateway, message_initiator
extern net_gateway, net_init, net_poll
extern print_message
extern stack_top
extern time_init, time_now
extern undi_close, undi_open

BSS bcv
boot_code:      resw 1          ; the ROM whose code runs as long as the disk is there
boot_rom:       resw 1          ; the ROM of our adapter: its header and EV block
boot_bdf:       resw 1          ; bus/dev/fn of our adapter
bcv_caller:     resw 2          ; the BIOS's SP and SS, as LSS wants them
bcv_keep:       resb 1          ; 1: the adapter may still write to our memory

INITCODE bcv
;---------------------------------------------------------------------------
; bcv_main [far] - boot connection vector, called by the BIOS once in POST (rom_run)
; in:       GS = the ROM whose adapter it is, FS = the ROM whose code stays
; out:      nothing; INT 13h is hooked and 40:75 raised, or nothing has changed
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, FS, GS, flags
; needs:    a BIOS in POST; 600 bytes of stack; who calls restores DS
;---------------------------------------------------------------------------
bcv_main:
        call    bcv_open
        jc      .done
        mov     word [int13_busy], 0    ; our stack is free for INT 13h and the timer tick
.done:
        retf

;---------------------------------------------------------------------------
; bcv_open - memory, then bcv_connect on our own stack
; in:       as bcv_main
; out:      CF = 0: DS = DGROUP, the disk is there; CF = 1: nothing has changed
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, FS, GS, flags
; needs:    as bcv_main
;---------------------------------------------------------------------------
bcv_open:
        call    memory_allocate
        jc      .no_memory
        mov     ds, ax
        mov     [boot_code], fs
        mov     [boot_rom], gs
        mov     [bcv_caller], sp
        mov     [bcv_caller + 2], ss
        mov     ss, ax                  ; interrupts wait for the next instruction
        mov     sp, stack_top
        call    bcv_connect
        lss     sp, [bcv_caller]
%if PACKED_MOVES
        pushf
        mov     fs, [boot_code]
        call    packed_done
        popf
%endif
        jnc     .done
        cmp     byte [bcv_keep], 0
        jne     .failed
        call    memory_release
.failed:
        stc
.done:
        ret
.no_memory:
        call    bcv_defer
        jnc     .failed
        call    error_print_no_memory
%if PACKED_MOVES
        call    packed_done
%endif
        jmp     .failed

%if PACKED_MOVES
;---------------------------------------------------------------------------
; packed_done - a boot vector needs no more of what is packed; the last one gives back what init took for it
; in:       FS = the ROM whose code stays
; out:      nothing
; clobbers: EAX, ECX, EDX, DI, ES, flags
; needs:    300 bytes of stack
;---------------------------------------------------------------------------
; Where POST is over, or the ROM cannot be written, it stays.
packed_done:
        push    fs
        pop     es
        mov     di, rom_header.packed_users
        mov     al, [es:di]
        dec     al
        js      .done                   ; it is in the ROM, or was given back already
        call    rom_store
        cmp     byte [es:di], 0
        jne     .done
        mov     di, rom_header.undi_rom_id
        call    .clear                  ; there is no UNDI to be loaded any more
        call    .clear
        push    dword [es:rom_header.packed_far]
        call    pmm_find
        pop     eax
        jc      .done
        mov     dx, PMM_DEALLOCATE
        jmp     pmm_call
.clear:
        mov     al, 0
        call    rom_store
        inc     di
.done:
        ret
%endif

;---------------------------------------------------------------------------
; bcv_defer - there is no memory now: try again at INT 19h
; in:       GS = the ROM whose adapter it is
; out:      CF = 0: INT 19h is hooked; CF = 1: POST is over, or the ROM cannot be written
; clobbers: ECX, EDX, SI, DI, ES, flags
; needs:    nothing
;---------------------------------------------------------------------------
; What the POST Memory Manager may give away is cleared before INT 19h, also where it is free.
; Behind that, base memory is ours to take. Adapters that wait already come before this one.
bcv_defer:
        push    ax
        call    pmm_find
        jc      .done
        push    0
        pop     es
        mov     di, VECTOR_INT19        ; ES:DI = where the handler is named that comes behind them
.waits:
        mov     edx, [es:di]
        cmp     dx, rom_late
        jne     .last
        mov     ecx, edx
        shr     ecx, 16
        mov     ax, gs
        cmp     ax, cx
        je      .done                   ; it is this one: CF = 0
        push    es
        mov     es, cx
        cmp     word [es:rom_header.owner], ROM_OWNER
        pop     ax
        jne     .other
        mov     di, rom_late_old
        jmp     .waits
.other:
        mov     es, ax
.last:
        push    es
        push    di
        push    gs
        pop     es
        mov     di, rom_late_old
        call    rom_store_dword
        cmp     [gs:rom_late_old], edx
        pop     di
        pop     es
        stc
        jne     .done
        push    gs
        push    rom_late
        pop     edx
        cmp     di, VECTOR_INT19
        je      .vector
        call    rom_store_dword
        jmp     .told
.vector:
        mov     [es:di], edx
.told:
        mov     si, message_late
        call    print_message
        clc
.done:
        pop     ax
        ret

;---------------------------------------------------------------------------
; bcv_connect - from the adapter to the hooked INT 13h, with messages
; in:       nothing
; out:      CF = 0: the disk is there; CF = 1: it is not, the reason is printed, everything is undone
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, FS, GS, flags
; needs:    DS = SS = DGROUP, zeroed; a BIOS
;---------------------------------------------------------------------------
bcv_connect:
        call    time_init
        mov     es, [boot_rom]
        mov     bx, [es:rom_bdf]
        call    adapter_check
        je      .adapter
        call    adapter_find            ; init could not write the ROM
        mov     ax, ERR_NO_ADAPTER
        jc      .fail
.adapter:
        mov     [boot_bdf], bx
        call    message_prepare
        mov     si, message_product
        call    print_message
        mov     si, [cs:rom_version + version_info.text]
        call    print_message
        mov     si, message_banner
        call    print_message

        call    ev_load
        jc      .fail
%if BOOT_BEV
        mov     byte [ev_force_boot], 1 ; the BIOS boots us now, so ours is the boot disk
%endif
        cmp     byte [ev_boot_protocol], EV_BOOT_NONE
        je      .off
%if WITH_PXE
        cmp     byte [ev_boot_protocol], EV_BOOT_PXE
        je      .network                ; the bootstrap entry vector's
%else
        mov     ax, ERR_BOOT_PXE
        cmp     byte [ev_boot_protocol], EV_BOOT_ISCSI
        jne     .fail
%endif
        cmp     byte [ev_boot_mode], EV_MODE_ONCE
        jne     .mode_known
        mov     ax, ERR_ATTACH_ONCE
        call    error_print             ; a warning
.mode_known:

        mov     bx, [boot_bdf]
        call    undi_open
        jc      .fail_undi
        mov     si, message_link
        call    print_message
        call    net_init
        mov     si, message_initiator
        call    print_message
        cmp     dword [net_gateway], 0
        je      .no_gateway
        mov     si, message_gateway
        call    print_message
.no_gateway:
        call    bcv_link_delay
        mov     si, message_target
        call    print_message
        call    iscsi_open
        jc      .fail_undi
        cmp     byte [session_target], 0
        je      .first
        mov     si, message_target2
        call    print_message
.first:
        call    instance_check
        jc      .second_path
        call    int13_install
        jc      .fail_iscsi
        call    int15_install
        mov     eax, AHEAD_MEMORY / 16
        call    memory_extended
        mov     [ahead_memory], eax
        call    message_prepare
        mov     si, message_disk
        cmp     byte [int13_drive], 0
        jne     .number_known
        mov     si, message_attached
.number_known:
        call    print_message
        mov     si, message_size
        call    print_message
        call    instance_publish
        cmp     word [instance_other], 0
        je      .ibft
        cmp     word [memory_segment], IBFT_FIRST >> 4
        jb      .done                   ; the other's table can be found, ours could not
.ibft:
        call    ibft_write
        jnc     .done
        call    error_print             ; a warning: the disk boots
.done:
        clc
        ret
.second_path:
        mov     es, [instance_other]
        mov     di, [es:instance_here + instance.bdf]
        movzx   eax, word [es:di]
        mov     [error_detail], eax
        mov     ax, ERR_SECOND_PATH
        jmp     .fail_iscsi

.off:
        mov     si, message_off
        call    print_message
.network:
        stc
        ret
.fail_iscsi:
        push    ax
        push    dword [error_detail]
        call    iscsi_close
        pop     dword [error_detail]
        pop     ax
.fail_undi:
        push    ax
        push    dword [error_detail]
        call    bcv_close_undi
        pop     dword [error_detail]
        pop     ax
.fail:
        call    error_print
        stc
        ret

;---------------------------------------------------------------------------
; bcv_close_undi - close the UNDI, find out whether its memory may be given back
; in:       nothing
; out:      bcv_keep = 1: it may not
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
bcv_close_undi:
        call    undi_close
        jnc     .done
        inc     byte [bcv_keep]         ; it could not be stopped
.done:
        ret

;---------------------------------------------------------------------------
; bcv_link_delay - wait until the switch's port forwards, as long as the EV LinkDelay says
; in:       nothing
; out:      nothing
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP; the UNDI open
;---------------------------------------------------------------------------
; A port with spanning tree on forwards nothing for up to 30 s after the link is up.
bcv_link_delay:
        imul    dx, [ev_link_delay], 1000
        test    dx, dx
        jz      .done
        mov     si, message_delay
        call    print_message
        movzx   edx, dx                 ; at most 60 s
        call    time_now
        add     edx, eax
.wait:
        push    edx
        call    net_poll
        pop     edx
        call    time_now
        sub     eax, edx
        js      .wait
.done:
        ret
